"""Microsoft's Python clients against the simulated tenant: azure-identity signs in, msgraph-sdk does the rest.

graph_sdk.py BASE AUTHORITY.pem CERTIFICATE.pem: BASE is the tenant's https door. Prints a line a step; the first that is
not as Microsoft's service would have it ends the script with 1.
"""

import asyncio
import http.server
import json
import sys
import threading
import time
import urllib.parse
from datetime import datetime, timedelta, timezone

import httpx
from azure.identity import CertificateCredential, ClientSecretCredential
from kiota_abstractions.api_error import APIError
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.models.attachment_item import AttachmentItem
from msgraph.generated.models.attachment_type import AttachmentType
from msgraph.generated.models.body_type import BodyType
from msgraph.generated.models.email_address import EmailAddress
from msgraph.generated.models.file_attachment import FileAttachment
from msgraph.generated.models.followup_flag import FollowupFlag
from msgraph.generated.models.followup_flag_status import FollowupFlagStatus
from msgraph.generated.models.item_body import ItemBody
from msgraph.generated.models.mail_folder import MailFolder
from msgraph.generated.models.message import Message
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.recipient import Recipient
from msgraph.generated.models.subscription import Subscription
from msgraph.generated.users.item.mail_folders.item.messages.delta.delta_request_builder import DeltaRequestBuilder
from msgraph.generated.users.item.mail_folders.item.messages.messages_request_builder import MessagesRequestBuilder
from msgraph.generated.users.item.messages.item.attachments.create_upload_session.create_upload_session_post_request_body import (
    CreateUploadSessionPostRequestBody,
)
from msgraph.generated.users.item.messages.item.forward.forward_post_request_body import ForwardPostRequestBody
from msgraph.generated.users.item.messages.item.move.move_post_request_body import MovePostRequestBody
from msgraph.generated.users.item.messages.item.reply.reply_post_request_body import ReplyPostRequestBody
from msgraph.generated.users.item.send_mail.send_mail_post_request_body import SendMailPostRequestBody
from msgraph_core import GraphClientFactory
from msgraph_core.requests.batch_request_content import BatchRequestContent
from msgraph_core.requests.batch_request_item import BatchRequestItem
from msgraph_core.tasks.page_iterator import PageIterator

BASE, AUTHORITY, CERTIFICATE = sys.argv[1:4]
TENANT, CLIENT, SECRET = "contoso.onmicrosoft.com", "00000000-0000-0000-0000-00000000c11e", "a secret"
INVOICES, SUPPORT = "invoices@contoso.com", "support@contoso.com"


def step(what):
    print(f"ok  {what}", flush=True)


def check(is_so, what):
    if not is_so:
        sys.exit(f"not as expected: {what}")


def client_of(credential):
    scopes = [f"{BASE}/.default"]
    provider = AzureIdentityAuthenticationProvider(credential, scopes=scopes, allowed_hosts=["127.0.0.1"])
    transport = httpx.AsyncClient(verify=AUTHORITY, timeout=30)
    adapter = GraphRequestAdapter(provider, GraphClientFactory.create_with_default_middleware(client=transport, host=BASE))
    adapter.base_url = f"{BASE}/v1.0"
    return GraphServiceClient(request_adapter=adapter)


def to(address):
    return Recipient(email_address=EmailAddress(address=address))


async def upload(url, content, part=320 * 1024 * 4):
    """Part after part, without a token. (msgraph-core's own LargeFileUploadTask 1.5.2 cannot read any form of nextExpectedRanges
    that Outlook answers with: it reads the end of an open range as a number.)"""
    async with httpx.AsyncClient(verify=AUTHORITY) as http:
        for start in range(0, len(content), part):
            piece = content[start : start + part]
            answer = await http.put(url, content=piece, headers={
                "Content-Type": "application/octet-stream",
                "Content-Range": f"bytes {start}-{start + len(piece) - 1}/{len(content)}"})
            is_last = start + part >= len(content)
            check(answer.status_code == (201 if is_last else 200), f"part at {start}: {answer.status_code} {answer.text}")
            check(is_last or answer.json()["nextExpectedRanges"] == [str(start + part)], answer.text)


async def until(what, look):
    """Asks again until the answer is there: mail takes a moment on its way."""
    for _ in range(600):
        found = await look()
        if found:
            return found
        await asyncio.sleep(0.05)
    sys.exit(f"never came: {what}")


async def main():
    known = {"authority": BASE, "disable_instance_discovery": True, "connection_verify": AUTHORITY}
    by_certificate = client_of(CertificateCredential(TENANT, CLIENT, CERTIFICATE, **known))
    await by_certificate.users.by_user_id(INVOICES).messages.get()
    step("sign in by certificate")

    client = client_of(ClientSecretCredential(TENANT, CLIENT, SECRET, **known))
    invoices = client.users.by_user_id(INVOICES)
    support = client.users.by_user_id(SUPPORT)
    folders = await invoices.mail_folders.get()
    check("Inbox" in [folder.display_name for folder in folders.value], "the Inbox is listed")
    step("sign in by secret, list folders")

    # A first mail to oneself, to have something to read.
    for number in range(25):
        mail = Message(
            subject=f"Order {number}",
            body=ItemBody(content_type=BodyType.Html, content=f"<p>Please send <b>{number}</b> lamps &amp; a cable.</p>"),
            to_recipients=[to(INVOICES)],
        )
        if number == 0:
            mail.attachments = [FileAttachment(odata_type="#microsoft.graph.fileAttachment", name="order.csv",
                                               content_type="text/csv", content_bytes=b"item,count\nlamp,3\n")]
        await support.send_mail.post(SendMailPostRequestBody(message=mail, save_to_sent_items=True))
    inbox = invoices.mail_folders.by_mail_folder_id("inbox")

    async def all_there():
        page = await inbox.messages.get(
            RequestConfiguration(query_parameters=MessagesRequestBuilder.MessagesRequestBuilderGetQueryParameters(top=50))
        )
        return page.value if len(page.value) >= 25 else None

    mails = await until("25 mails in the Inbox", all_there)
    first = next(mail for mail in mails if mail.subject == "Order 0")
    check(first.has_attachments and first.from_.email_address.address == SUPPORT, "the mail says who sent it")
    step("send 25 mails, one with a small attachment; they arrive")

    config = RequestConfiguration(query_parameters=MessagesRequestBuilder.MessagesRequestBuilderGetQueryParameters(top=10))
    page, seen = await inbox.messages.get(config), []
    await PageIterator(page, client.request_adapter).iterate(lambda mail: seen.append(mail.subject) or True)
    check(sorted(seen) == sorted(f"Order {number}" for number in range(25)), f"every mail once, page by page: {seen}")
    step("page through them, ten at a time")

    async def round_of(delta):
        changed = []
        while True:
            changed += delta.value
            if delta.odata_delta_link:
                return changed, delta.odata_delta_link
            delta = await inbox.messages.delta.with_url(delta.odata_next_link).get()

    config = RequestConfiguration(query_parameters=DeltaRequestBuilder.DeltaRequestBuilderGetQueryParameters(select=["subject", "isRead"]))
    config.headers.add("Prefer", "odata.maxpagesize=10")
    changed, link = await round_of(await inbox.messages.delta.get(config))
    check(len(changed) == 25, f"delta gives all 25, not {len(changed)}")
    again, link = await round_of(await inbox.messages.delta.with_url(link).get())
    check(again == [], "nothing has changed since")
    await invoices.messages.by_message_id(first.id).patch(Message(is_read=True))
    again, link = await round_of(await inbox.messages.delta.with_url(link).get())
    check([mail.id for mail in again] == [first.id], "the mail that was read is the one that changed")
    step("delta to the end, and again after a change")

    raw = await invoices.messages.by_message_id(first.id).content.get()
    check(b"Subject: Order 0" in raw and b"order.csv" in raw, "the MIME content is the mail")
    attachments = await invoices.messages.by_message_id(first.id).attachments.get()
    check(attachments.value[0].content_bytes.startswith(b"aXRlbS") or attachments.value[0].content_bytes.startswith(b"item,"),
          f"the attachment is what was sent: {attachments.value[0].content_bytes[:20]}")
    step("read MIME and the attachment")

    draft = await support.messages.post(Message(subject="Catalogue", to_recipients=[to(INVOICES)]))
    size = 5 * 1024 * 1024
    item = AttachmentItem(attachment_type=AttachmentType.File, name="catalogue.bin", size=size)
    session = await support.messages.by_message_id(draft.id).attachments.create_upload_session.post(
        CreateUploadSessionPostRequestBody(attachment_item=item))
    await upload(session.upload_url, bytes(size))
    await support.messages.by_message_id(draft.id).send.post()

    async def catalogue():
        page = await inbox.messages.get()
        return next((mail for mail in page.value if mail.subject == "Catalogue"), None)

    big = await until("the mail with 5 MB", catalogue)
    listed = await invoices.messages.by_message_id(big.id).attachments.get()
    check(listed.value[0].size >= size, f"5 MB arrived: {listed.value[0].size}")
    step("send 5 MB by an upload session")

    await invoices.messages.by_message_id(first.id).reply.post(ReplyPostRequestBody(comment="On its way."))
    await invoices.messages.by_message_id(first.id).forward.post(
        ForwardPostRequestBody(comment="Please look.", to_recipients=[to(SUPPORT)]))
    support_inbox = support.mail_folders.by_mail_folder_id("inbox")

    async def both():
        page = await support_inbox.messages.get()
        subjects = {mail.subject for mail in page.value}
        return subjects if {"RE: Order 0", "FW: Order 0"} <= subjects else None

    await until("the answer and the forward", both)
    step("reply and forward")

    made = await invoices.mail_folders.post(MailFolder(display_name="Done"))
    child = await invoices.mail_folders.by_mail_folder_id(made.id).child_folders.post(MailFolder(display_name="2026"))
    check(child.parent_folder_id == made.id, "the folder lies in the other")
    try:
        await invoices.mail_folders.post(MailFolder(display_name="Done"))
        check(False, "a second folder of the same name was made")
    except (APIError, ODataError) as error:
        check(error.error.code == "ErrorFolderExists", f"ErrorFolderExists, not {error.error.code}")
    step("make folders; a second of the same name is refused")

    moved = await invoices.messages.by_message_id(first.id).move.post(MovePostRequestBody(destination_id=child.id))
    check(moved.parent_folder_id == child.id, "the mail lies where it was moved to")
    marked = await invoices.messages.by_message_id(moved.id).patch(
        Message(categories=["Blue category"], flag=FollowupFlag(flag_status=FollowupFlagStatus.Flagged)))
    check(marked.categories == ["Blue category"] and marked.flag.flag_status == FollowupFlagStatus.Flagged, "it is marked")
    step("move, categorise, flag")

    batch = BatchRequestContent()
    for mail in mails[:20]:
        info = invoices.messages.by_message_id(mail.id if mail.id != first.id else moved.id).to_get_request_information()
        batch.add_request_information(info)
    answers = await client.batch.post(batch_request_content=batch)
    statuses = [answer.status for answer in answers.responses.values()] if isinstance(answers.responses, dict) else [
        answer.status for answer in answers.responses]
    check(statuses == [200] * 20, f"20 answers of 200: {statuses}")
    step("a batch of 20")

    try:
        await invoices.messages.by_message_id("AAMkAGUwNjQ4ZjIxLTQ3Y2YtNDViMi1iZjc4LTMA=").get()
        check(False, "a message that is not there was found")
    except (APIError, ODataError) as error:
        check(error.response_status_code in (400, 404), f"{error.response_status_code}")
    step("a message that is not there is refused in Graph's words")

    await subscription(client, invoices, support)


class Hook(http.server.BaseHTTPRequestHandler):
    """Answers the handshake, and keeps what it is told."""

    told = []
    shaken = 0

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        token = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query).get("validationToken")
        answer = token[0].encode() if token else b""
        if token:
            Hook.shaken += 1
        else:
            Hook.told += json.loads(body)["value"]
        self.send_response(200 if token else 202)
        self.send_header("content-type", "text/plain")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


async def subscription(client, invoices, support):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ends = datetime.now(timezone.utc) + timedelta(hours=2)
    made = await client.subscriptions.post(Subscription(
        change_type="created", resource=f"users/{INVOICES}/mailFolders('inbox')/messages", client_state="a state",
        notification_url=f"http://127.0.0.1:{server.server_port}/hook", expiration_date_time=ends))
    check(Hook.shaken == 1, "the handshake took place")
    step("subscribe, with the handshake")

    mail = Message(subject="News", to_recipients=[to(INVOICES)])
    await support.send_mail.post(SendMailPostRequestBody(message=mail))

    async def told():
        return Hook.told

    notification = (await until("a notification", told))[0]
    check(notification["clientState"] == "a state" and notification["subscriptionId"] == made.id, f"{notification}")
    news = await invoices.messages.by_message_id(notification["resourceData"]["id"]).get()
    check(news.subject == "News", "the notification names the mail")
    step("a notification of a new mail")

    later = ends + timedelta(hours=1)
    renewed = await client.subscriptions.by_subscription_id(made.id).patch(Subscription(expiration_date_time=later))
    check(abs((renewed.expiration_date_time - later).total_seconds()) < 1, "it ends later")
    await client.subscriptions.by_subscription_id(made.id).delete()
    step("renew and end the subscription")
    server.shutdown()


asyncio.run(main())
