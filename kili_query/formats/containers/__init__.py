"""Archives, folders and streams of JSON: how records are found in bytes. They know no format."""
