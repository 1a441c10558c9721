//! Microsoft's national clouds: where each one's Graph and sign-in are, and what is missing there.

/// One of Microsoft's clouds. A token of one is worth nothing in another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cloud {
    /// The public cloud, GCC included.
    #[default]
    Global,
    /// 21Vianet in China.
    China,
    /// US Government L4 (GCC High).
    UsGov,
    /// US Government L5 (Department of Defense).
    UsGovDod,
}

impl Cloud {
    const ALL: [(&str, Self); 4] =
        [("global", Self::Global), ("china", Self::China), ("usgov", Self::UsGov), ("usgov-dod", Self::UsGovDod)];

    /// The cloud of that name.
    pub(super) fn named(name: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(own, _)| *own == name).map(|(_, cloud)| *cloud);
        let names = Self::ALL.map(|(own, _)| format!("`{own}`"));
        found.ok_or_else(|| format!("`{name}` is no cloud; there are {}", names.join(", ")))
    }

    /// Its Graph, with the version.
    pub(super) fn base_url(self) -> &'static str {
        match self {
            Self::Global => "https://graph.microsoft.com/v1.0",
            Self::China => "https://microsoftgraph.chinacloudapi.cn/v1.0",
            Self::UsGov => "https://graph.microsoft.us/v1.0",
            Self::UsGovDod => "https://dod-graph.microsoft.us/v1.0",
        }
    }

    /// Its sign-in service.
    pub(super) fn login_url(self) -> &'static str {
        match self {
            Self::Global => "https://login.microsoftonline.com",
            Self::China => "https://login.chinacloudapi.cn",
            Self::UsGov | Self::UsGovDod => "https://login.microsoftonline.us",
        }
    }

    /// Whether its Graph has delta queries for messages.
    pub fn has_message_delta(self) -> bool {
        self != Self::China
    }
}
