"""Simulated market with a planted truth: generates rendered ads with results, and gives the true rate of any ad.

    true log-odds = base + category + brand + placement + button                      context
                  + headline + body                                                   words
                  + look + faces                                                      picture (or words_only, without one)
                  + layout + message                                                  composed ads alone
    true_ctr      = 1 / (1 + exp(-true log-odds))                                     about 1 to 3 %

    L(x; m)   = m tanh(x / m)                            saturates: linear for small x, at most m
    rising(u) = weight tanh(u / 1.5)                     increasing with diminishing returns
    ideal(u)  = weight (exp(-((u - best) / width)^2 / 2) - 1/2)     best in the middle
                u = (raw - centre) / scale, the measure in standard deviations of typical portraits or pictures

    headline = L(sum of phrase weights + length + a L(appeal; 0.5) + s (specificity - 1/2) - e empty; 0.6)
               length = w (exp(-((words - best) / 3.5)^2 / 2) - 1/2)     a: share of readers with Upworthy's taste
    body     = 0.35 L(sum of phrase weights in primary text and description; 0.6)
    look     = L(sum of curves of brightness, contrast, saturation, warmth; 0.4)
    faces    = (1 - exp(-share / 0.02)) L(presence + curve(share) + mean over faces, by area, of the sum of curves of
               smile, eyes_open, gaze_x, gaze_y, head_pitch; 0.6)                     share: all face boxes / picture

    layout   = a weight for each family of layouts
    message  = a weight for the role of the leading line + ideal(number of facts)

Inputs: final pixels (faces through the face mesh, look through colour statistics), words (fixed phrase patterns of `phrases`
after any opening that fits every ad, the number of words about the product, the headline model's appeal), and the context
columns; for a composed ad also its family of layouts, the role of its leading line and its number of facts. Never latents, file
names, dates, audiences or results. The truth is a smooth function of its inputs, without noise. Results are noisy: each
creative's log-odds are shifted once by N(0, 0.08), and clicks are binomial in 500 to 20,000 impressions. Words drawn into a
picture are ignored: the headline is the column's.

Seeds: every weight, optimum and base is `core + spread * draw(seed, name)` (`planting`). Some effects hold in nearly every
market (smiles help, less in finance and fashion; eyes at the viewer help; a line about the product beats a generic line),
others change sign with the seed (warm colours, curiosity, questions, whether a smile has an inner optimum). Each market has its
own mix of `readers`, one kind of which has Upworthy's taste; each category has its own tastes. `PlantedTruth.table` lists one
market's numbers.
"""

from adcreative.market.material import Material as Material
from adcreative.market.people import load_face_pool as load_face_pool
from adcreative.market.simulator import Market as Market
from adcreative.market.truth import Concept as Concept
from adcreative.market.truth import PlantedTruth as PlantedTruth
