"""Words for codes that people meet in a timeline: FHIR types and statuses, purposes.

What is not listed stays as it is.
"""

from __future__ import annotations

from typing import Final

RESOURCES: Final = {
    "AllergyIntolerance": "アレルギー",
    "Appointment": "予約",
    "CarePlan": "ケアプラン",
    "CareTeam": "ケアチーム",
    "Claim": "医療費の請求",
    "Composition": "文書",
    "Condition": "病名・状態",
    "Consent": "同意",
    "Coverage": "保険",
    "Device": "機器",
    "DiagnosticReport": "検査報告書",
    "DocumentReference": "文書",
    "Encounter": "受診",
    "ExplanationOfBenefit": "給付明細",
    "FamilyMemberHistory": "家族歴",
    "Goal": "目標",
    "ImagingStudy": "画像検査",
    "Immunization": "予防接種",
    "MedicationAdministration": "投薬",
    "MedicationDispense": "調剤",
    "MedicationRequest": "処方",
    "MedicationStatement": "服薬の状況",
    "Observation": "検査・観察",
    "Patient": "患者の基本情報",
    "Procedure": "処置・手術",
    "QuestionnaireResponse": "問診の回答",
    "ServiceRequest": "検査・処置の依頼",
    "Specimen": "検体",
}
STATUSES: Final = {
    "cancelled": "取りやめ",
    "differential": "鑑別中",
    "do-not-perform": "行わない指示",
    "draft": "下書き",
    "entered-in-error": "誤記",
    "not-done": "実施せず",
    "not-taken": "服用せず",
    "on-hold": "保留",
    "preliminary": "暫定",
    "provisional": "暫定",
    "refuted": "否定",
    "rejected": "却下",
    "stopped": "中止",
    "unconfirmed": "未確認",
}
PURPOSES: Final = {
    "BTG": ("an emergency, against a refusal", "緊急時の閲覧（拒否の解除）"),
    "ETREAT": ("emergency treatment", "救急の診療"),
    "FAMRQT": ("the family's request", "ご家族の請求"),
    "HOPERAT": ("running the institution", "医療機関の運営"),
    "HPAYMT": ("payment", "支払い"),
    "HRESCH": ("research", "研究"),
    "PATRQT": ("the person's request", "ご本人の請求"),
    "PUBHLTH": ("public health", "公衆衛生"),
    "RECORDMGT": ("keeping the record", "記録の管理"),
    "TREAT": ("treatment", "診療"),
}
"""Of the HL7 v3 code system ActReason (PurposeOfUse): English, Japanese."""
