"""Benchmarks, each beside something plain that does less: calls beside Asterisk's own app_queue,
Twilio's webhooks beside a bare Flask view."""
