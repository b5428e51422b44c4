"""The sample hospital: one population seen by five source systems that disagree as real ones do. For demos, tests and evals."""
