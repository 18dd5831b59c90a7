"""The data set that everything starts from: the release, or the sample corpus, as our samples."""

from mentallama.studies.step import Work


def make(work: Work) -> None:
    """Write a folder of samples."""
    if "imhi" in work.paths:
        from mentallama.data.transfer import import_release

        import_release(work.paths["imhi"], work.out)
    else:
        from mentallama.corpus.samples import export

        export(work.out)
