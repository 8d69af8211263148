//! The kinds of secrets that are told apart, and sets of them.

use std::fmt;

use crate::domain::closed::closed;

closed!(
    /// What a secret opens.
    Kind {
        /// Id of an AWS access key.
        AwsKeyId = "aws-key-id",
        /// The secret half of an AWS access key.
        AwsSecretKey = "aws-secret-key",
        /// Google API key.
        GoogleKey = "google-api-key",
        /// Google OAuth client secret or access token.
        GoogleOauth = "google-oauth",
        /// Key file of a Google service account.
        GoogleServiceAccount = "google-service-account",
        /// Key of an Azure storage account.
        AzureStorage = "azure-storage-key",
        /// Azure's shared access keys and signatures.
        AzureSharedAccess = "azure-shared-access",
        /// GitHub token.
        GitHub = "github-token",
        /// GitLab token.
        GitLab = "gitlab-token",
        /// Slack token or webhook.
        Slack = "slack",
        /// Stripe's live keys and webhook secrets.
        Stripe = "stripe",
        /// OpenAI key.
        OpenAi = "openai-key",
        /// Anthropic key.
        Anthropic = "anthropic-key",
        /// Key of another provider of models.
        ModelProvider = "model-provider-key",
        /// Hugging Face token.
        HuggingFace = "huggingface-token",
        /// npm token.
        Npm = "npm-token",
        /// PyPI token.
        PyPi = "pypi-token",
        /// SendGrid key.
        SendGrid = "sendgrid-key",
        /// Twilio key or token.
        Twilio = "twilio",
        /// Token of a Telegram bot.
        Telegram = "telegram-bot-token",
        /// JSON web token with a signature.
        Jwt = "jwt",
        /// Private key in PEM, or PuTTY's form.
        PrivateKey = "private-key",
        /// OpenSSH private key.
        OpenSsh = "openssh-private-key",
        /// PGP private key.
        Pgp = "pgp-private-key",
        /// age secret key.
        Age = "age-secret-key",
        /// Database address with a password in it.
        DatabaseUrl = "database-url",
        /// Any other address with a password in it.
        UrlPassword = "url-password",
        /// HTTP authorization with a value.
        Authorization = "authorization",
        /// Tokens of services for hosting, shops and tools.
        Service = "service-token",
        /// Key of this gateway.
        Gateway = "gateway-key",
        /// A password that is assigned to a name.
        Password = "password",
        /// Another secret that is assigned to a name.
        Assigned = "assigned-secret",
    }
);

/// A set of kinds.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Kinds(u64);

impl Kinds {
    /// Adds one.
    pub fn add(&mut self, kind: Kind) {
        self.0 |= 1 << kind as u8;
    }

    /// Adds all of another set.
    pub fn merge(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Nothing is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `kind` is in it.
    pub fn has(self, kind: Kind) -> bool {
        self.0 >> kind as u8 & 1 == 1
    }

    /// Those that are in it, in the order of [`Kind::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Kind> {
        let all = Kind::ALL.iter().copied();
        all.filter(move |kind| self.has(*kind))
    }
}

impl FromIterator<Kind> for Kinds {
    fn from_iter<I: IntoIterator<Item = Kind>>(kinds: I) -> Self {
        let mut set = Self::default();
        kinds.into_iter().for_each(|kind| set.add(kind));
        set
    }
}

impl fmt::Debug for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_added() {
        let mut kinds: Kinds = [Kind::Jwt, Kind::Assigned].into_iter().collect();
        kinds.merge([Kind::AwsKeyId].into_iter().collect());

        let all: Vec<Kind> = kinds.iter().collect();

        assert_eq!(all, [Kind::AwsKeyId, Kind::Jwt, Kind::Assigned]);
        assert!(Kind::ALL.len() <= 64);
        assert!(Kinds::default().is_empty());
    }
}
