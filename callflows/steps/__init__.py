"""The steps a flow is made of: one file each, all of them listed in STEPS."""

from callflows.steps.branch import BranchStep
from callflows.steps.business_hours import BusinessHoursStep
from callflows.steps.collect_digits import CollectDigitsStep
from callflows.steps.confirm_region import ConfirmRegionStep
from callflows.steps.find_region import FindRegionStep
from callflows.steps.hang_up import HangUpStep
from callflows.steps.menu import MenuStep
from callflows.steps.offer_callback import OfferCallbackStep
from callflows.steps.queue import QueueStep
from callflows.steps.say import SayStep
from callflows.steps.set_value import SetValueStep
from callflows.steps.step import Step
from callflows.steps.subflow import SubflowStep
from callflows.steps.survey import SurveyStep
from callflows.steps.transfer import TransferStep
from callflows.steps.voicemail import VoicemailStep

STEPS: dict[str, type[Step]] = {
    "say": SayStep,
    "menu": MenuStep,
    "collect_digits": CollectDigitsStep,
    "find_region": FindRegionStep,
    "confirm_region": ConfirmRegionStep,
    "business_hours": BusinessHoursStep,
    "branch": BranchStep,
    "set_value": SetValueStep,
    "queue": QueueStep,
    "voicemail": VoicemailStep,
    "offer_callback": OfferCallbackStep,
    "transfer": TransferStep,
    "survey": SurveyStep,
    "subflow": SubflowStep,
    "hang_up": HangUpStep,
}
