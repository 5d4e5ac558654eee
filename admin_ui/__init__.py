"""For merchants: server-rendered pages that read through storage and act through plugin."""
