"""What ships with adcreative and its makers: weights and examples (see README.md), `data.make` trains and cards them."""
