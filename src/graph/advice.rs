//! What to do about a failed call: one sentence for each, by its code where that says more than its kind.

use super::error::ErrorKind;
use crate::verdict::Verdict;

const DEFECT: &str = "the request was not as Graph wants it, which is a defect of Postroom: report it with the request-id";
const RIGHTS: &str = "check the address, the application's Mail permissions and its access policy for this mailbox";

/// What codes ask for. Codes are words of Graph, of Exchange and, in the last part, of the sign-in service.
const BY_CODE: [(&str, &str); 47] = [
    ("InefficientFilter", DEFECT),
    ("SearchWithFilter", DEFECT),
    ("SearchWithOrderBy", DEFECT),
    ("ErrorInvalidPropertySet", DEFECT),
    ("ErrorMimeContentInvalidBase64String", DEFECT),
    ("InvalidInternetMessageHeader", DEFECT),
    ("InvalidInternetMessageHeaderCollection", DEFECT),
    ("ErrorAttachmentSizeShouldNotBeLessThanMinimumSize", DEFECT),
    ("Request_UnsupportedQuery", DEFECT),
    ("NotImplemented", DEFECT),
    ("invalidRange", DEFECT),
    ("ErrorInvalidIdMalformed", "no message has such an id; read the folder's mail anew"),
    ("ErrorInvalidRecipients", "no recipient can be written to; correct the addresses in the rule or template"),
    ("ErrorRecipientNotFound", "no recipient can be written to; correct the addresses in the rule or template"),
    ("ErrorOccurrenceCrossingBoundary", "the occurrence would pass its neighbour; choose another time"),
    ("ErrorDuplicateTransactionId", "it was made by an earlier call with the same key; look it up"),
    ("ErrorAccessDenied", RIGHTS),
    ("Authorization_RequestDenied", RIGHTS),
    ("accessDenied", RIGHTS),
    ("ErrorSendAsDenied", "allow the application to send as this address, or send from the mailbox's own"),
    ("ErrorExceededMessageLimit", "the mailbox has sent what it may in a day; sending waits"),
    (
        "MailboxNotEnabledForRESTAPI",
        "give the mailbox a licence or move it to Exchange Online, or take it out of the configuration",
    ),
    ("ErrorInvalidUser", "correct the mailbox's address: a distribution list, for one, is no mailbox"),
    ("ResourceNotFound", "correct the mailbox's address: the tenant does not know it"),
    ("Request_ResourceNotFound", "correct the mailbox's address: the tenant does not know it"),
    ("ErrorFolderNotFound", "the folder is gone; it is looked up again by its name"),
    ("ErrorSyncFolderNotFound", "the folder is gone; it is looked up again by its name"),
    ("ErrorParentFolderNotFound", "the folder is gone; it is looked up again by its name"),
    ("ErrorFolderExists", "somebody else made it first; it is looked up"),
    ("nameAlreadyExists", "somebody else made it first; it is looked up"),
    ("quotaLimitReached", "the mailbox is full; make room in it"),
    ("ErrorQuotaExceeded", "the mailbox is full; make room in it"),
    (
        "InvalidAuthenticationToken",
        "Graph does not take the token; check [graph] cloud, base_url and login_url, which must be of one cloud",
    ),
    (
        "insufficient_claims",
        "a Conditional Access policy refuses the application here; allow its service principal or this machine's address",
    ),
    ("invalid_client", "check the credential under [tenant] (has it ended, is it the application's?) and this machine's clock"),
    ("unauthorized_client", "check id and client_id under [tenant]; the application must be enabled in this tenant"),
    (
        "invalid_request",
        "check id and client_id under [tenant] and [graph] cloud; a managed identity must belong to this machine",
    ),
    ("invalid_scope", "check [graph] cloud and base_url: the token is asked for their service"),
    ("invalid_resource", "check [graph] cloud and base_url: the token is asked for their service"),
    ("invalid_grant", "the sign-in is not permitted; assign the application and grant its consent in the tenant"),
    ("interaction_required", "a Conditional Access policy wants a person; leave this application out of it"),
    ("access_denied", "a Conditional Access policy refuses the application; allow it there"),
    ("unsupported_grant_type", DEFECT),
    ("temporarily_unavailable", "the sign-in service is busy; it is asked again"),
    ("resourceLocked", "somebody else holds it; it is tried again"),
    ("RequestEntityTooLarge", "it is too large for one call; send less, or a link to it"),
    ("FailedDependency", "a call before it failed and it was not begun; it is tried again"),
];

/// The sentence.
pub(super) fn advice(kind: ErrorKind, verdict: Verdict, code: Option<&str>) -> &'static str {
    if verdict == Verdict::Unknown {
        return "it may have happened: look before any repeat";
    }
    let by_code = code.and_then(|code| BY_CODE.iter().find(|(own, _)| own.eq_ignore_ascii_case(code)));
    by_code.map_or_else(|| by_kind(kind), |(_, advice)| advice)
}

fn by_kind(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Settings => "correct the configuration",
        ErrorKind::SignIn => "check id, client_id and the credential under [tenant]",
        ErrorKind::Forbidden => RIGHTS,
        ErrorKind::Gone => "it was moved or deleted meanwhile",
        ErrorKind::Conflict => "somebody else changed it meanwhile; it is read again",
        ErrorKind::CursorLost => "the folder is read again from the start",
        ErrorKind::TooLarge => "it is more than one call may carry; make it smaller",
        ErrorKind::Throttled => "Graph asks for patience; it is tried again after the wait",
        ErrorKind::Refused => {
            "Graph does not take this as it is: correct what the rule asks for; if nothing is wrong there, report it with the request-id"
        }
        ErrorKind::NoConnection => "check the network and the address; it is tried again",
        ErrorKind::TimedOut | ErrorKind::Interrupted | ErrorKind::Unavailable => "it is tried again",
        ErrorKind::BadAnswer => "the answer was not used; it is asked for again",
        ErrorKind::ForeignLink => "only the configured base_url is called; check base_url",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_one_advice_whatever_its_case() {
        for (at, (code, told)) in BY_CODE.iter().enumerate() {
            assert!(BY_CODE[..at].iter().all(|(other, _)| !other.eq_ignore_ascii_case(code)), "{code} is there twice");
            assert_eq!(advice(ErrorKind::Refused, Verdict::Never, Some(&code.to_uppercase())), *told);
        }
    }
}
