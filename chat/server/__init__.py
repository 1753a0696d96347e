"""The server: thin shells of asyncio, gRPC and files around the core."""
