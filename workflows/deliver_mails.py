"""Delivers what is queued for one tenant, until nothing is due. Mails that rest until a later try are upkeep's."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows import children, policies
    from workflows.contracts import (
        DELIVER_MAILS_ACTIVITY,
        DELIVER_MAILS_WORKFLOW,
        Delivered,
        MailsInput,
        mails_workflow_id,
    )


@workflow.defn(name=DELIVER_MAILS_WORKFLOW)
class DeliverMails:
    """One at a time per tenant, by its id. While the mail server is away, the activity is retried until it is back."""

    @workflow.run
    async def run(self, mails: MailsInput) -> Delivered:
        total = Delivered(more=True)
        while total.more:
            done = await workflow.execute_activity(
                DELIVER_MAILS_ACTIVITY, mails, result_type=Delivered, **policies.BATCH
            )
            total = Delivered(
                sent=total.sent + done.sent,
                failed=total.failed + done.failed,
                postponed=total.postponed + done.postponed,
                more=done.more,
            )
        return total


async def start_mails(mails: MailsInput) -> None:
    """From another workflow: deliver, and let that one go on. A delivery that runs already is fine."""
    await children.start(DELIVER_MAILS_WORKFLOW, mails, mails_workflow_id(mails.tenant_id))
