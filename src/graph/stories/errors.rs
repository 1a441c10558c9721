//! Every error that Graph is known to answer with: what kind it is, what it means for a read and for a send, and what to do.

use super::*;

/// What a service answers.
const ANSWERS: [(u16, &str, &str); 75] = [
    (400, "BadRequest", ""),
    (400, "ErrorInvalidRequest", ""),
    (400, "invalidRequest", ""),
    (400, "ErrorInvalidIdMalformed", "Id is malformed."),
    (400, "InefficientFilter", "The restriction or sort order is too complex for this operation."),
    (400, "SearchWithFilter", ""),
    (400, "SearchWithOrderBy", ""),
    (400, "ErrorInvalidPropertySet", "Message is not draft."),
    (400, "ErrorMimeContentInvalidBase64String", ""),
    (400, "InvalidInternetMessageHeader", ""),
    (400, "InvalidInternetMessageHeaderCollection", ""),
    (400, "ErrorInvalidRecipients", ""),
    (400, "ErrorRecipientNotFound", ""),
    (400, "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize", ""),
    (400, "ErrorDuplicateTransactionId", ""),
    (409, "ErrorDuplicateTransactionId", ""),
    (400, "ErrorOccurrenceCrossingBoundary", ""),
    (400, "InvalidRequest", "Subscription validation request failed."),
    (400, "ExtensionError", "Operation: Create; Exception: [Status Code: Forbidden; Reason: No.]"),
    (403, "ExtensionError", "Operation: Create; Exception: [Status Code: ServiceUnavailable; Reason: Later.]"),
    (400, "Request_UnsupportedQuery", ""),
    (400, "Request_BadRequest", ""),
    (401, "InvalidAuthenticationToken", "Access token has expired or is not yet valid."),
    (
        403,
        "ErrorAccessDenied",
        "Access to OData is disabled: [RAOP] : Blocked by tenant configured AppOnly AccessPolicy settings.",
    ),
    (403, "Authorization_RequestDenied", ""),
    (403, "ErrorSendAsDenied", ""),
    (403, "accessDenied", ""),
    (403, "ErrorExceededMessageLimit", ""),
    (400, "ErrorExceededMessageLimit", ""),
    (429, "ErrorExceededMessageLimit", ""),
    (404, "ErrorItemNotFound", "The specified object was not found in the store."),
    (404, "ErrorFolderNotFound", ""),
    (404, "ErrorSyncFolderNotFound", ""),
    (404, "ErrorParentFolderNotFound", ""),
    (404, "ResourceNotFound", ""),
    (404, "MailboxNotEnabledForRESTAPI", ""),
    (404, "ErrorInvalidUser", ""),
    (404, "itemNotFound", ""),
    (404, "Request_ResourceNotFound", ""),
    (405, "Request_BadRequest", "Specified HTTP method is not allowed."),
    (409, "ErrorFolderExists", ""),
    (409, "nameAlreadyExists", ""),
    (409, "Conflict", ""),
    (409, "ErrorIrresolvableConflict", ""),
    (412, "ErrorIrresolvableConflict", ""),
    (410, "SyncStateNotFound", ""),
    (410, "resyncRequired", ""),
    (410, "resyncChangesApplyDifferences", ""),
    (400, "syncStateNotFound", ""),
    (412, "notAllowed", ""),
    (412, "entityTagDoesNotMatch", ""),
    (413, "RequestEntityTooLarge", "The maximum request length supported is 4MB."),
    (406, "", ""),
    (411, "", ""),
    (415, "", ""),
    (416, "invalidRange", ""),
    (422, "unprocessable", ""),
    (423, "resourceLocked", ""),
    (424, "FailedDependency", ""),
    (429, "ApplicationThrottled", "Application is over its MailboxConcurrency limit."),
    (429, "TooManyRequests", "Please retry again later."),
    (429, "activityLimitReached", ""),
    (429, "ErrorTooManyObjectsOpened", ""),
    (503, "ErrorServerBusy", ""),
    (500, "generalException", ""),
    (500, "InternalServerError", ""),
    (503, "serviceNotAvailable", ""),
    (500, "ErrorInternalServerTransientError", ""),
    (503, "ErrorMailboxStoreUnavailable", ""),
    (504, "ErrorTimeoutExpired", ""),
    (504, "UnknownError", ""),
    (502, "", ""),
    (501, "NotImplemented", ""),
    (507, "quotaLimitReached", ""),
    (509, "bandwidthLimitExceeded", ""),
];

/// What becomes of a read and of a send that are answered so, and the sentence for the read.
async fn meant((status, code, message): (u16, &str, &str)) -> String {
    let body = json!({ "error": { "code": code, "message": message } });
    let mut outcomes = Vec::new();
    for sends in [false, true] {
        let service = Scripted::with_token(vec![Reply::json(status, &body)]).await;
        if status == 401 {
            service.then(vec![Reply::token("token-2"), Reply::json(status, &body)]);
        }
        let (mailbox, id) = (mailbox(&service, &clock()), MessageId::new("m1"));
        let error = if sends { mailbox.send(&id).await.unwrap_err() } else { mailbox.mime(&id).await.unwrap_err() };
        outcomes.push(error);
    }
    let [read, send] = &outcomes[..] else { panic!("two outcomes") };
    let told = read.to_string();
    let (_, advice) = told.split_once(&format!("{}; ", read.message)).unwrap();
    format!("{status} {code}: {:?} {:?}/{:?}: {advice}", read.kind, read.verdict, send.verdict)
}

#[tokio::test]
async fn every_known_error_has_one_meaning_and_one_sentence() {
    let mut found = Vec::new();
    for answer in ANSWERS {
        found.push(meant(answer).await);
    }
    let expected = include_str!("errors.txt");
    assert_eq!(found.join("\n"), expected.trim_end());
}

#[tokio::test]
async fn whoever_is_told_to_wait_waits_that_long_whatever_the_code() {
    for (status, code) in
        [(429, "ApplicationThrottled"), (429, "TooManyRequests"), (503, "ErrorServerBusy"), (504, "UnknownError"), (509, "x")]
    {
        let service = Scripted::with_token(vec![Reply::error(status, code).header("retry-after", "17")]).await;
        let error = mailbox(&service, &clock()).mime(&MessageId::new("m1")).await.unwrap_err();
        assert_eq!(
            (error.kind, error.verdict()),
            (ErrorKind::Throttled, Verdict::RetryAfter(Duration::from_secs(17))),
            "{status}"
        );
    }
}
