"""The goods beyond what each is: the collections that hold them, and the places where they lie."""
