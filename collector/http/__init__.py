"""HTTP/1.1 on the wire: connections, their limits, and requests for events before the server turns them into ASGI."""
