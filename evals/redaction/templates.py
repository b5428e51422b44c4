"""Sentences with marked places for invented identities, to be put into notes. `<field>` is filled and labelled by `identities`.

Two lists that share no sentence: TUNE for trying things out and for learning (`training`), HELD_OUT for the figures that are reported alone.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Templates:
    """Heads stand before a note, sentences within, signatures after it."""

    heads: tuple[str, ...]
    sentences: tuple[str, ...]
    signatures: tuple[str, ...]


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.replace("\\n", "\n") for line in text.strip().split("\n"))


TUNE = Templates(
    heads=_lines(r"""
Patient: <patient_comma_up>  MRN: <mrn>  DOB: <dob>
Name: <patient_full>\nMedical record number: <mrn>\nDate of birth: <dob>\nDate of service: <date>
RE: <patient_full>, DOB <dob>\nDear Dr. <doctor_family>,\nThank you for referring this <age>-year-old to our clinic.
<patient_comma> | <mrn> | <dob> | Acct <account>
PATIENT NAME: <patient_spaced>\nMRN <mrn>\nVISIT DATE <date>
pt: <patient_middle>, seen <date> w/ <doctor_full> MD
To: <doctor2_full>, MD  Fax: <fax>\nFrom: <doctor_full>, MD  Phone: <phone>\nPatient: <patient_comma> (<dob>)
Encounter <accession> <date>\nPatient <patient_full>, <street>, <city>, <state> <zip>
"""),
    sentences=_lines(r"""
<title> <patient_family> is seen today with <his> <relation>, <relative_given>.
<title> <patient_family> tells me <he> feels better since <date>.
<He> was last seen on <date> by Dr. <doctor_family>.
<patient_given> was accompanied by <his> <relation> <relative_full>.
<He> lives at <street>, <city>, <state> <zip>, with <his> <relation>.
<He> was referred by Dr. <doctor2_full>.
<patient_full> works at <employer> and lives in <city>.
<He> can be reached at <phone>, or by e-mail at <email>.
The case was discussed with <doctor_full>, who agrees.
Emergency contact: <relative_full> (<relation>), <phone>.
SSN <ssn>, insurance member ID <member>.
<patient_family>'s echocardiogram of <date> was reviewed.
<He> had surgery in <month_year> at <hospital> by Dr. <doctor2_family>.
The device, serial number <device>, was interrogated on <date_short>.
<His> mother died at age <age90>.
Spoke with <relative_given> on <date_short> about the plan.
Results were faxed to <fax>, attention <nurse_full>.
Pharmacy on <street> confirmed the refill.
Specimen <accession> was received <date>.
Hi Dr. <doctor_family>, this is <patient_given> <patient_family>, please call me at <phone>.
<He> moved here from <city>, <state> in <month_year>.
The portal login came from <ip>; see <url> for the record.
Account number <account> was billed.
Driver's license <license> was presented at registration.
Dr. <doctor_family> (NPI <npi>) will take over care of <patient_full>.
<He> drives a truck with license plate <plate>.
Seen with <nurse_full>, RN, on <weekday> at <time>.
<He> was diagnosed in <year>.
<patient_initial> consented to the procedure.
The patient's <relation>, <relative_full>, age <age>, was also present.
"""),
    signatures=_lines(r"""
Electronically signed by <doctor_middle>, MD on <date> at <time>
Signed, <doctor_full> MD
Dictated by: <doctor_comma>\nTranscribed: <date>
cc: <doctor2_full>, MD
<doctor_full>, PA-C\n<hospital>\n<street>\n<city>, <state> <zip>\nTel <phone>
-- <nurse_full>, RN, pager <pager>
"""),
)

HELD_OUT = Templates(
    heads=_lines(r"""
<patient_comma>     Unit No: <mrn>     Birthdate: <dob>     Admitted: <date>
Patient Name   <patient_full>\nMRN            <mrn>\nDOB            <dob>\nProvider       <doctor_full>, DO
Re: <patient_middle>\nBirth date: <dob>\nI had the pleasure of meeting <title> <patient_family> on <date>.
NAME: <patient_spaced> DOB: <dob> SEX: <sex>
<patient_comma_up> / <mrn> / <date> / <doctor_family>
Progress note for <patient_full> (<dob>, <mrn>), primary care physician <doctor2_full>
<hospital> Discharge Letter\n<patient_full>\n<street>\n<city> <state> <zip>\nTelephone: <phone>
"""),
    sentences=_lines(r"""
I had a long talk with <title> <patient_family> and <his> <relation> <relative_given> about this.
<relative_given>, <his> <relation>, manages the pill box.
Per <relative_full>, symptoms began around <date>.
On <date>, <patient_given> called the nurse line.
Dr. <doctor_family> and Dr. <doctor2_family> both recommended surgery.
<His> primary care doctor is <doctor2_full> in <city>.
Home address is <street>, <city> <state> <zip>.
Please send records to <street>, <city>, <state>.
I called <relative_given> back at <phone> and left a message.
<title> <patient_full> was born in <city> and came to <state> in <year>.
Contact <patient_given>'s <relation> <relative_full> at <phone> before discharge.
<He> e-mailed a photo of the wound from <email>.
Next appointment: <date> <time> with <nurse_full>.
<patient_family> was scheduled for <date_short> but did not come.
Old records (chart # <mrn>) list social security number <ssn>.
Health plan beneficiary number <member>, claim <account>.
<He> is <age90> years old and lives alone.
A <age90>-year-old aunt has the same disease.
Implanted <month_year>, model and serial no. <device>.
Films from <hospital>, accession number <accession>, were compared with those of <date>.
<He> used to teach at a school in <city> until <month_year>.
Discussed with <doctor_full> by phone (<phone>) and with <nurse_full>.
Fax the form to <fax> c/o <doctor_comma>.
Video visit from IP address <ip>, consent at <url>.
ID checked: passport or license no. <license>.
Medication list reviewed by <nurse_full>, PharmD, <date>.
Car with plate <plate> was involved, VIN <vin>.
<doctor_initial> was the surgeon, prescriber NPI <npi>.
Since <weekday> <he> has felt well, says <relative_given>.
As <patient_given> put it, the pain comes and goes.
<patient_full> and <his> <relation> <relative_full> understand the plan.
<He> works nights at <employer> on <street>.
"""),
    signatures=_lines(r"""
Authenticated by <doctor_full>, MD, <date> <time>
<doctor_comma_up> MD   d: <date>   t: <date>
Attending: <doctor_middle>, M.D.   Resident: <doctor2_full>, M.D.
Sincerely,\n<doctor_full>, DO\n<phone>\n<email>
Copy to: Dr <doctor2_full>, <street>, <city>
/es/ <nurse_full>\n<date> <time>
"""),
)
