"""What the buttons do: form values in, fragments and plain JSON out. Without Gradio: testable without a browser."""
