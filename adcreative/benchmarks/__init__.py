"""Published benchmarks: AdSEE's tables, the MicroLens challenge."""
