"""The adapter for RabbitMQ 3.10 to 4.x: the only package that imports aio_pika."""

from shared.messaging.rabbitmq.broker import RabbitBroker
from shared.messaging.rabbitmq.declarations import QueueBounds

__all__ = ["QueueBounds", "RabbitBroker"]
