"""A market with a planted truth: makes folders of rendered ads with results, and knows the true rate of any picture and words.

    true log-odds = base + category + brand + placement + button                      context
                  + headline + body                                                   words
                  + look + faces                                                      picture (or words_only, without one)
                  + layout + message                                                  composed ads alone
    true_ctr      = 1 / (1 + exp(-true log-odds))                                     about 1 to 3 %

    L(x; m)   = m tanh(x / m)                            small effects pass, large sums stop paying
    rising(u) = weight tanh(u / 1.5)                     more is better, ever less so
    ideal(u)  = weight (exp(-((u - best) / width)^2 / 2) - 1/2)     too much is as bad as too little
                u = (raw - centre) / scale, the measure in usual portraits' or pictures' standard deviations

    headline = L(sum of phrase weights + length + a L(appeal; 0.5) + s (specificity - 1/2) - e empty; 0.6)
               length = w (exp(-((words - best) / 3.5)^2 / 2) - 1/2)     a: share of readers with Upworthy's taste
    body     = 0.35 L(sum of phrase weights in primary text and description; 0.6)
    look     = L(sum of curves of brightness, contrast, saturation, warmth; 0.4)
    faces    = (1 - exp(-share / 0.02)) L(presence + curve(share) + mean over faces, by area, of the sum of curves of
               smile, eyes_open, gaze_x, gaze_y, head_pitch; 0.6)                     share: all face boxes / picture

    layout   = a weight for each family of layouts
    message  = a weight for each role that may lead + ideal(number of facts)

What it reads: final pixels (faces through the face mesh, look through colour statistics), words (fixed phrase patterns of
`phrases` behind any opening that fits every ad, how many words speak of the product, the headline model's appeal), and the
context columns; of a composed ad, which family of layouts it is, what leads and how many facts it shows. Never latents, file
names, dates, audiences or results. It is a smooth function of what it reads, without noise. Noise belongs to results: each
creative's log-odds are moved once by N(0, 0.08), and clicks are binomial in 500 to 20,000 impressions. Words drawn into a
picture are not read: the headline is the column's.

Seeds: every weight, best and base is `core + spread * draw(seed, name)` (`planting`). Some things hold in nearly every market
(smiles pay, less in finance and fashion; eyes at the viewer pay; a line about what is sold beats one that could stand in any
ad), others turn with the seed (warm colours, curiosity, questions, whether a smile has an inner optimum). Each market has its
own mix of `readers`, one kind of which has Upworthy's taste; each category has tastes of its own. `PlantedTruth.table` lists
one market's numbers.
"""

from adcreative.market.material import Material as Material
from adcreative.market.people import load_face_pool as load_face_pool
from adcreative.market.simulator import Market as Market
from adcreative.market.truth import Concept as Concept
from adcreative.market.truth import PlantedTruth as PlantedTruth
