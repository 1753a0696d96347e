"""The look: colours, fonts, sizes and pictures; it knows nothing about what is shown with them."""
