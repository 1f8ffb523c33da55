"""Starting one workflow from another and letting it go on by itself."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from workflows.contracts import Input


async def start(name: str, argument: Input, workflow_id: str) -> bool:
    """True when it was started, False when it runs already, which is fine.

    An id may be used again after any end: a job that Temporal ended without its document knowing (terminated, restored
    from a backup) must run again, and one that ended meanwhile is turned away by its own compare-and-set.
    """
    try:
        await workflow.start_child_workflow(
            name, argument, id=workflow_id, parent_close_policy=workflow.ParentClosePolicy.ABANDON
        )
    except WorkflowAlreadyStartedError:
        return False
    return True
