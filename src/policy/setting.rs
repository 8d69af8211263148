//! What many decisions are made by: policies, catalogue and prices, classifier. Written down once, and named by each.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::policies::{self, Policies};
use crate::catalog::{self, Catalog, Places};
use crate::domain::setting::Written;

/// Letters of a digest: what is in force changes a few times a day, not billions of times.
const LETTERS: usize = 12;

/// Policies, catalogue and classifier that are in force together.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Tells it from every other: what a decision's record names it by.
    pub id: Arc<str>,
    /// Who is ruled by what.
    pub policies: Arc<Policies>,
    /// Models, targets and prices.
    pub catalog: Arc<Catalog>,
    /// The classifier's name and version, or `none`.
    pub classifier: Arc<str>,
    /// The catalogue's numbers.
    pub places: Places,
}

impl Setting {
    /// What is in force from now on, and how it is written down.
    pub fn new(
        policies: Arc<Policies>,
        catalog: Arc<Catalog>,
        classifier: &str,
    ) -> (Self, Written) {
        let of_policies = text(&policies.kept());
        let of_catalog = text(&catalog::Kept::of(&catalog));
        let parts = [of_policies.0.as_str(), &of_catalog.0, classifier];
        let id = digest(&parts.join(" "));
        let setting = Self {
            id: id.as_str().into(),
            policies,
            places: Places::of(&catalog),
            catalog,
            classifier: classifier.into(),
        };
        let written = Written {
            id,
            policies: of_policies,
            catalog: of_catalog,
            classifier: classifier.to_owned(),
        };
        (setting, written)
    }

    /// The setting again, or why it cannot be read.
    pub fn restore(written: &Written) -> Result<Self, serde_json::Error> {
        use serde::de::Error;
        let policies: policies::Kept = serde_json::from_str(&written.policies.1)?;
        let policies = policies.restore();
        let policies = policies.ok_or_else(|| serde_json::Error::custom("no default policy"))?;
        let catalog: catalog::Kept = serde_json::from_str(&written.catalog.1)?;
        let catalog = catalog.restore();
        Ok(Self {
            id: written.id.as_str().into(),
            policies: Arc::new(policies),
            places: Places::of(&catalog),
            catalog: Arc::new(catalog),
            classifier: written.classifier.as_str().into(),
        })
    }
}

fn text(value: &impl serde::Serialize) -> (String, String) {
    let text = serde_json::to_string(value).expect("names, numbers and words are JSON");
    (digest(&text), text)
}

fn digest(text: &str) -> String {
    let hash = Sha256::digest(text);
    let letters: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    letters[..LETTERS].to_owned()
}
