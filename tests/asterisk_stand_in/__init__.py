"""A stand-in for Asterisk: callers' channels that speak AGI with our FastAGI server, on a virtual
clock.

The engine acts in no time: after each answer its next command is waited for before the clock may
move. What a command answers is Asterisk 22's (res_agi.c, app_read.c, app_dial.c), as measured.
"""

from tests.asterisk_stand_in.asterisk import Asterisk
from tests.asterisk_stand_in.channel import Channel

__all__ = ["Asterisk", "Channel"]
