"""How sure a match is, measured with Immich's own machine learning service.

measure = Measure(context, people, FaceService("http://immich-machine-learning:3003", 5.0))
evidence = await measure.complete(asset_id, evidence, policy, ambiguous)
"""

from smartsort.confidence.judge import Measure
from smartsort.confidence.service import FaceService, FaceServiceUnavailable, Seen, SeenFace

__all__ = ["FaceService", "FaceServiceUnavailable", "Measure", "Seen", "SeenFace"]
