"""`python -m devstore` starts the store."""

from devstore.serve import main

if __name__ == "__main__":
    main()
