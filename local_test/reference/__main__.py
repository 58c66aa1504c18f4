"""Write the reference in docs/reference/ and the prices in docs/cost.md anew: python -m local_test.reference."""

from local_test.reference.pages import write

if __name__ == "__main__":
    for path in write():
        print(f"Wrote {path}.")
