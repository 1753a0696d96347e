"""The look: colours, fonts, sizes and pictures; it knows nothing of what is shown with them."""
