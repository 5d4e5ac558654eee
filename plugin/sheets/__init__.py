"""Sheets: files of rows and columns, as merchants carry them from one system to another."""
