"""What clients meet: the socket, the methods, and what stands between them."""
