// Microsoft's JavaScript clients against the simulated tenant: @azure/msal-node signs in, @microsoft/microsoft-graph-client does the rest.
//
// graph_client.mjs BASE AUTHORITY.pem CERTIFICATE.pem: BASE is the tenant's https door; node wants its authority in NODE_EXTRA_CA_CERTS. Prints a line a
// step; the first that is not as Microsoft's service would have it ends the script with 1.

import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import path from "node:path";

// The clients lie where tests/clients/install put them.
const require = createRequire(path.resolve("target/clients/node/clients.mjs"));
const { ConfidentialClientApplication } = require("@azure/msal-node");
const { BatchRequestContent, Client, FileUpload, LargeFileUploadTask, PageIterator } =
  require("@microsoft/microsoft-graph-client");

const [BASE, , CERTIFICATE] = process.argv.slice(2);
const HOST = new URL(BASE).host;
const TENANT = "contoso.onmicrosoft.com";
const CLIENT = "00000000-0000-0000-0000-00000000c11e";
const INVOICES = "/users/invoices@contoso.com";
const SUPPORT = "/users/support@contoso.com";

const step = (what) => console.log(`ok  ${what}`);
const fail = (what) => {
  console.log(`not as expected: ${what}`);
  process.exit(1);
};
const check = (isSo, what) => isSo || fail(typeof what === "string" ? what : JSON.stringify(what));
const to = (address) => [{ emailAddress: { address } }];

/** Asks again until the answer is there: mail takes a moment on its way. */
async function until(what, look) {
  for (let n = 0; n < 600; n++) {
    const found = await look();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  fail(`never came: ${what}`);
}

function clientOf(credential) {
  const app = new ConfidentialClientApplication({
    auth: { clientId: CLIENT, authority: `${BASE}/${TENANT}`, knownAuthorities: [HOST], ...credential },
  });
  const getAccessToken = async () =>
    (await app.acquireTokenByClientCredential({ scopes: [`${BASE}/.default`] })).accessToken;
  return Client.initWithMiddleware({
    authProvider: { getAccessToken },
    baseUrl: BASE,
    customHosts: new Set([new URL(BASE).hostname]),
  });
}

const pem = readFileSync(CERTIFICATE, "utf8");
const certificate = new X509Certificate(pem.slice(pem.indexOf("-----BEGIN CERTIFICATE")));
const clientCertificate = {
  thumbprintSha256: createHash("sha256").update(certificate.raw).digest("hex"),
  privateKey: pem.slice(0, pem.indexOf("-----BEGIN CERTIFICATE")),
};
await clientOf({ clientCertificate }).api(`${INVOICES}/messages`).get();
step("sign in by certificate");

const client = clientOf({ clientSecret: "a secret" });
const folders = await client.api(`${INVOICES}/mailFolders`).get();
check(folders.value.some((folder) => folder.displayName === "Inbox"), folders);
step("sign in by secret, list folders");

for (let number = 0; number < 25; number++) {
  const message = {
    subject: `Order ${number}`,
    body: { contentType: "html", content: `<p>Please send <b>${number}</b> lamps &amp; a cable.</p>` },
    toRecipients: to("invoices@contoso.com"),
  };
  if (number === 0) {
    const contentBytes = Buffer.from("item,count\nlamp,3\n").toString("base64");
    message.attachments = [
      { "@odata.type": "#microsoft.graph.fileAttachment", name: "order.csv", contentType: "text/csv", contentBytes },
    ];
  }
  await client.api(`${SUPPORT}/sendMail`).post({ message, saveToSentItems: true });
}
const inbox = `${INVOICES}/mailFolders/inbox/messages`;
const mails = await until("25 mails in the Inbox", async () => {
  const page = await client.api(inbox).top(50).get();
  return page.value.length >= 25 && page.value;
});
const first = mails.find((mail) => mail.subject === "Order 0");
check(first.hasAttachments && first.from.emailAddress.address === "support@contoso.com", first);
step("send 25 mails, one with a small attachment; they arrive");

const seen = [];
const page = await client.api(inbox).top(10).select("subject").get();
await new PageIterator(client, page, (mail) => seen.push(mail.subject)).iterate();
check(new Set(seen).size === 25 && seen.length === 25, seen);
step("page through them, ten at a time");

async function round(start) {
  const changed = [];
  let answer = await start;
  for (;;) {
    changed.push(...answer.value);
    if (answer["@odata.deltaLink"]) return [changed, answer["@odata.deltaLink"]];
    answer = await client.api(answer["@odata.nextLink"]).get();
  }
}
let [changed, link] = await round(
  client.api(`${inbox}/delta`).header("Prefer", "odata.maxpagesize=10").select("subject,isRead").get(),
);
check(changed.length === 25, changed);
[changed, link] = await round(client.api(link).get());
check(changed.length === 0, changed);
await client.api(`${INVOICES}/messages/${first.id}`).patch({ isRead: true });
[changed, link] = await round(client.api(link).get());
check(changed.length === 1 && changed[0].id === first.id, changed);
step("delta to the end, and again after a change");

const raw = await client.api(`${INVOICES}/messages/${first.id}/$value`).responseType("text").get();
check(raw.includes("Subject: Order 0") && raw.includes("order.csv"), raw);
const attachments = await client.api(`${INVOICES}/messages/${first.id}/attachments`).get();
check(Buffer.from(attachments.value[0].contentBytes, "base64").toString() === "item,count\nlamp,3\n", attachments);
step("read MIME and the attachment");

const draft = await client.api(`${SUPPORT}/messages`).post({ subject: "Catalogue", toRecipients: to("invoices@contoso.com") });
const size = 5 * 1024 * 1024;
const session = await LargeFileUploadTask.createUploadSession(
  client,
  `${SUPPORT}/messages/${draft.id}/attachments/createUploadSession`,
  { AttachmentItem: { attachmentType: "file", name: "catalogue.bin", size } },
);
const file = new FileUpload(Buffer.alloc(size), "catalogue.bin", size);
await new LargeFileUploadTask(client, file, session, { rangeSize: 320 * 1024 * 4 }).upload();
await client.api(`${SUPPORT}/messages/${draft.id}/send`).post();
const big = await until("the mail with 5 MB", async () => {
  const page = await client.api(inbox).filter("subject eq 'Catalogue'").get();
  return page.value[0];
});
const listed = await client.api(`${INVOICES}/messages/${big.id}/attachments`).select("name,size").get();
check(listed.value[0].size >= size, listed);
step("send 5 MB by an upload session");

await client.api(`${INVOICES}/messages/${first.id}/reply`).post({ comment: "On its way." });
await client.api(`${INVOICES}/messages/${first.id}/forward`).post({ comment: "Please look.", toRecipients: to("support@contoso.com") });
await until("the answer and the forward", async () => {
  const page = await client.api(`${SUPPORT}/mailFolders/inbox/messages`).get();
  const subjects = page.value.map((mail) => mail.subject);
  return subjects.includes("RE: Order 0") && subjects.includes("FW: Order 0");
});
step("reply and forward");

const made = await client.api(`${INVOICES}/mailFolders`).post({ displayName: "Done" });
const child = await client.api(`${INVOICES}/mailFolders/${made.id}/childFolders`).post({ displayName: "2026" });
check(child.parentFolderId === made.id, child);
const refused = await client.api(`${INVOICES}/mailFolders`).post({ displayName: "Done" }).catch((error) => error);
check(refused.statusCode === 409 && refused.code === "ErrorFolderExists", refused);
step("make folders; a second of the same name is refused");

const moved = await client.api(`${INVOICES}/messages/${first.id}/move`).post({ destinationId: child.id });
check(moved.parentFolderId === child.id, moved);
const marked = await client
  .api(`${INVOICES}/messages/${moved.id}`)
  .patch({ categories: ["Blue category"], flag: { flagStatus: "flagged" } });
check(marked.categories[0] === "Blue category" && marked.flag.flagStatus === "flagged", marked);
step("move, categorise, flag");

// What is left of an address without its origin is what stands in the batch.
const batch = new BatchRequestContent();
mails.slice(0, 20).forEach((mail, n) => {
  const id = mail.id === first.id ? moved.id : mail.id;
  batch.addRequest({ id: `${n}`, request: new Request(`${BASE}${INVOICES}/messages/${id}?$select=subject`) });
});
const answers = await client.api("/$batch").post(await batch.getContent());
check(answers.responses.length === 20 && answers.responses.every((answer) => answer.status === 200), answers);
step("a batch of 20");

const gone = await client.api(`${INVOICES}/messages/AAMkAGUwNjQ4ZjIxLTQ3Y2YtNDViMi1iZjc4LTMA=`).get().catch((error) => error);
check([400, 404].includes(gone.statusCode), gone);
step("a message that is not there is refused in Graph's words");

const told = [];
let shaken = 0;
const hook = createServer(async (request, response) => {
  const token = new URL(request.url, "http://localhost").searchParams.get("validationToken");
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  if (token) shaken += 1;
  else told.push(...JSON.parse(Buffer.concat(chunks)).value);
  response.writeHead(token ? 200 : 202, { "content-type": "text/plain" }).end(token ?? "");
});
await new Promise((resolve) => hook.listen(0, "127.0.0.1", resolve));
const hours = (count) => new Date(Date.now() + count * 3_600_000).toISOString();
const subscription = await client.api("/subscriptions").post({
  changeType: "created",
  resource: `${INVOICES.slice(1)}/mailFolders('inbox')/messages`,
  clientState: "a state",
  notificationUrl: `http://127.0.0.1:${hook.address().port}/hook`,
  expirationDateTime: hours(2),
});
check(shaken === 1, "the handshake took place");
step("subscribe, with the handshake");

await client.api(`${SUPPORT}/sendMail`).post({ message: { subject: "News", toRecipients: to("invoices@contoso.com") } });
const [notification] = await until("a notification", async () => told.length > 0 && told);
check(notification.clientState === "a state" && notification.subscriptionId === subscription.id, notification);
const news = await client.api(`${INVOICES}/messages/${notification.resourceData.id}`).get();
check(news.subject === "News", news);
step("a notification of a new mail");

const renewed = await client.api(`/subscriptions/${subscription.id}`).patch({ expirationDateTime: hours(3) });
check(new Date(renewed.expirationDateTime) > Date.now() + 2.9 * 3_600_000, renewed);
await client.api(`/subscriptions/${subscription.id}`).delete();
step("renew and end the subscription");
hook.close();
hook.closeAllConnections();
