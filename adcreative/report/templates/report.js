document.documentElement.classList.add("js");
document.addEventListener("input", function (event) {
  var compare = event.target.closest(".compare");
  if (compare) { compare.querySelector(".frame").style.setProperty("--cut", event.target.value + "%"); }
});
addEventListener("beforeprint", function () {
  document.querySelectorAll("details").forEach(function (part) { part.open = true; });
});
