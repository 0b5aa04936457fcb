//! Apps: their settings as a draft, their published versions, import and export.
