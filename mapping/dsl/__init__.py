"""The mapping language: inputs, functions, values and statements."""
