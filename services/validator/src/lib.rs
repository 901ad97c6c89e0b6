//! Reads received files, records their figures and reports what the rules find.
