"""Pictures: contact sheets of assets with what their labels hold, and plots of what an export holds."""
