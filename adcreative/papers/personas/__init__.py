"""For whom: which declared trait of people goes with which feature of ads, with intervals over people.

Paper: Roffo & Vinciarelli, "Personality in Computational Advertising: A Benchmark", EMPIRE 2016 (data ADS-16, and its task:
tell from a profile which ads a person prefers).
    model      the bilinear effects, and the audit: new people, new ads, no profiles, shuffled profiles
    answers    tables of answers and of ads -> numbers; profiles that were declared
    ads16      ADS-16 as it is published
    run        the commands `personas` (audit) and `score --persona` (ads by persona)
Differs: the paper trains classifiers on traits and pictures; here a ridge regression on products of traits and named features
of ads, so that an effect can be read. Profiles are declared, never inferred from pictures, names or behaviour.
When: a panel of some 300 people that was asked. Otherwise not: with 120 people only large effects can be seen.
"""
