"""The call-flow language: a pure state machine from events to verbs.

Nothing in this package does I/O, reads a clock, draws a random number or imports another
package of ours: `callflows/` decides, `routing/` chooses, `ivr/` performs.
"""
