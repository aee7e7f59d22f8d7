"""The published contracts, generated from the code: JSON Schemas, and AsyncAPI for AMQP and WebSocket."""
