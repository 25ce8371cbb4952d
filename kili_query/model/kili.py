"""Enumerations of Kili, by their names in its schema, and the keys and levels of labels."""

from __future__ import annotations

from typing import Literal, get_args

LabelType = Literal["DEFAULT", "REVIEW", "PREDICTION", "INFERENCE", "AUTOSAVE"]
"""Who made a label, and what for (json-formats 5.2)."""

AssetStatus = Literal["TODO", "ONGOING", "LABELED", "TO_REVIEW", "REVIEWED"]
"""How far an asset is, in projects without steps."""

ProjectUserStatus = Literal["ACTIVATED", "ORG_ADMIN", "ORG_SUSPENDED"]
"""Whether a user may work in the projects of an organization."""

StatusInStep = Literal["TO_DO", "DOING", "IN_PROGRESS", "PARTIALLY_DONE", "REWORK", "REDO", "DONE", "SKIPPED"]
"""How far an asset is in its step. DOING and REDO are older names of IN_PROGRESS and REWORK."""

WorkflowVersion = Literal["V1", "V2", "V3"]
"""How work is organised: without steps, in steps, in groups of steps."""

IssueType = Literal["ISSUE", "QUESTION"]
IssueStatus = Literal["CANCELLED", "OPEN", "SOLVED"]
ComplianceTag = Literal["PHI", "PII"]

NewInputType = Literal[
    "AUDIO", "GEOSPATIAL", "IMAGE", "LLM_INSTR_FOLLOWING", "LLM_RLHF", "LLM_STATIC", "PDF", "TEXT", "VIDEO"
]  # fmt: skip
"""What is labelled, in projects that can be made today."""

InputType = Literal[NewInputType, "NA", "TIME_SERIES", "URL", "VIDEO_LEGACY"]
"""The same, with what older projects have. Others are accepted wherever data are read: new ones come."""

Conversation = Literal["LLM_STATIC", "LLM_INSTR_FOLLOWING"]
"""Input types whose labels are kept as annotation objects."""

Video = Literal["VIDEO", "VIDEO_LEGACY"]
"""Input types whose labels answer frame by frame."""

Level = Literal["completion", "round", "conversation"]
"""The levels of the answers in an exported conversation; the first two hold an answer for each message, or round."""

LabelKey = Literal["latestLabel", "latestLabels", "labels"]
"""The keys of an asset that hold labels, in the order in which they are read (json-formats 5.2)."""

LABEL_TYPES: tuple[LabelType, ...] = get_args(LabelType)
ASSET_STATUSES: tuple[AssetStatus, ...] = get_args(AssetStatus)
PROJECT_USER_STATUSES: tuple[ProjectUserStatus, ...] = get_args(ProjectUserStatus)
STEP_STATUSES: tuple[StatusInStep, ...] = get_args(StatusInStep)
WORKFLOW_VERSIONS: tuple[WorkflowVersion, ...] = get_args(WorkflowVersion)
INPUT_TYPES: tuple[InputType, ...] = get_args(InputType)
CONVERSATIONS: tuple[Conversation, ...] = get_args(Conversation)
VIDEOS: tuple[Video, ...] = get_args(Video)
PICTURED: tuple[InputType, ...] = ("IMAGE", "VIDEO")
"""Input types whose assets are pictures, or films: what datasets of pictures are made from."""
PIXEL_GRID = "PIXEL"
"""The `labelingCRSCode` of geospatial projects whose labels are fractions of the image, and no degrees."""
LEVELS: tuple[Level, ...] = get_args(Level)
LABEL_KEYS: tuple[LabelKey, ...] = get_args(LabelKey)

BY_PEOPLE: tuple[LabelType, ...] = ("DEFAULT", "REVIEW")
"""The types of labels that people have finished."""

BY_MODELS: tuple[LabelType, ...] = ("PREDICTION", "INFERENCE")
"""The types of labels that models make; each has the name of its model."""

PSEUDO_JOBS = frozenset({"ANNOTATION_JOB_COUNTER", "ANNOTATION_NAMES_JOB", "ROTATION_JOB"})
"""Keys among the answers of a label that are not answers (json-formats 2)."""
