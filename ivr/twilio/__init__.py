"""The second carrier: calls that Twilio brings, performed as TwiML and told by webhooks."""
