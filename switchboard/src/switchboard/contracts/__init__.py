"""The published contracts as documents, made from the code: JSON Schemas, and AsyncAPI for AMQP and WebSocket."""
