"""Actions of the buttons: form values in, fragments and plain JSON out. Without Gradio, so testable without a browser."""
