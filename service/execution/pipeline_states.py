"""What OpenMetadata calls the states of a run; apart from the store, which `headwater run` does without."""

from connectors.reporting.documents import PipelineState
from service.runs.status import RunState

# Those that a server has a word for: of a run that was skipped it hears nothing.
STATES = {
    RunState.QUEUED: PipelineState.QUEUED,
    RunState.RUNNING: PipelineState.RUNNING,
    RunState.SUCCEEDED: PipelineState.SUCCESS,
    RunState.PARTIAL: PipelineState.PARTIAL_SUCCESS,
    RunState.FAILED: PipelineState.FAILED,
    RunState.CANCELLED: PipelineState.STOPPED,
}
# As long may a server take to hear of the end.
LAST_SECONDS = 5.0
