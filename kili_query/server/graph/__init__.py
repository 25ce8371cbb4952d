"""The GraphQL of local Kili: the schema, how documents are planned, filtered and answered."""
