"""One representation of a traced program, read by every tool."""
