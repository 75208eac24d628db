"""`python -m etlrunner` is `etlrunner`."""

from etlrunner.cli.main import main

if __name__ == "__main__":
    main()
