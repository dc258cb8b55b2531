"""The elements by which R4's Patient compartment names a person, in two ranks.

OWNER first: what the resource is about. OTHERS, the compartment's remaining elements, count where
no owner is given; Appointment and the like have no owner at all. To the compartment are added the
types that it leaves out and that have an owner all the same: Binary, Contract, Device and
GuidanceResponse. DIRECTORY types belong to nobody where they name no patient.

From CompartmentDefinition/patient and the search parameters of R4 4.0.1.
"""

from __future__ import annotations

from collections.abc import Mapping

_SUBJECT = """
    Account AdverseEvent Basic CarePlan CareTeam ChargeItem ClinicalImpression Communication
    CommunicationRequest Composition Condition Contract DeviceRequest DeviceUseStatement
    DiagnosticReport DocumentManifest DocumentReference Encounter Flag Goal GuidanceResponse
    ImagingStudy Invoice List MeasureReport Media MedicationAdministration MedicationDispense
    MedicationRequest MedicationStatement Observation Procedure QuestionnaireResponse RequestGroup
    RiskAssessment ServiceRequest Specimen
"""
_PATIENT = """
    AllergyIntolerance BodyStructure Claim ClaimResponse Consent CoverageEligibilityRequest
    CoverageEligibilityResponse DetectedIssue Device EpisodeOfCare ExplanationOfBenefit
    FamilyMemberHistory Immunization ImmunizationEvaluation ImmunizationRecommendation
    MolecularSequence NutritionOrder RelatedPerson SupplyDelivery VisionPrescription
"""
_DIRECTORY = """
    ActivityDefinition CapabilityStatement CatalogEntry ChargeItemDefinition CodeSystem
    CompartmentDefinition ConceptMap Device DeviceDefinition DeviceMetric Endpoint EventDefinition
    ExampleScenario GraphDefinition HealthcareService ImplementationGuide InsurancePlan Library
    Location Measure Medication MedicationKnowledge MessageDefinition NamingSystem
    ObservationDefinition OperationDefinition Organization OrganizationAffiliation PlanDefinition
    Practitioner PractitionerRole Questionnaire ResearchDefinition ResearchElementDefinition
    ResearchStudy Schedule SearchParameter Slot SpecimenDefinition StructureDefinition StructureMap
    Substance TerminologyCapabilities TestScript ValueSet
"""

DIRECTORY = frozenset(_DIRECTORY.split())

OWNER: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(_SUBJECT.split(), ("subject",)),
    **dict.fromkeys(_PATIENT.split(), ("patient",)),
    "Binary": ("securityContext",),
    "Coverage": ("beneficiary",),
    "EnrollmentRequest": ("candidate",),
    "ResearchSubject": ("individual",),
    "SupplyRequest": ("deliverTo",),
    "Task": ("for",),
}

OTHERS: Mapping[str, tuple[str, ...]] = {
    "AllergyIntolerance": ("recorder", "asserter"),
    "Appointment": ("participant.actor",),
    "AppointmentResponse": ("actor",),
    "AuditEvent": ("entity.what", "agent.who"),
    "Basic": ("author",),
    "CarePlan": ("activity.detail.performer",),
    "CareTeam": ("participant.member",),
    "Claim": ("payee.party",),
    "Communication": ("sender", "recipient"),
    "CommunicationRequest": ("sender", "recipient", "requester"),
    "Composition": ("author", "attester.party"),
    "Condition": ("asserter",),
    "Coverage": ("policyHolder", "subscriber", "payor"),
    "DeviceRequest": ("performer",),
    "DocumentManifest": ("author", "recipient"),
    "DocumentReference": ("author",),
    "ExplanationOfBenefit": ("payee.party",),
    "Invoice": ("recipient",),
    "List": ("source",),
    "MedicationAdministration": ("performer.actor",),
    "MedicationDispense": ("receiver",),
    "Observation": ("performer",),
    "Person": ("link.target",),
    "Procedure": ("performer.actor",),
    "Provenance": ("target",),
    "QuestionnaireResponse": ("author",),
    "RequestGroup": ("action.participant",),
    "Schedule": ("actor",),
    "ServiceRequest": ("performer",),
    "Task": ("focus",),
}
