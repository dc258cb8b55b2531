"""What was found out, in words, as JSON and as a page to sign off."""
