"""Does a call go the same way on every carrier?

A caller and the telephones that are called are described once, whatever carries the call. Three
lines make it happen: the simulator, an Asterisk that speaks AGI, a Twilio that speaks webhooks.
Behind each is the same engine on a store of its own, and a virtual clock. What the flow was told,
what it answered and what the work order says must then be the same.
"""
